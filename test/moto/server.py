"""moto, served with additions of ours: see docs/moto.md, which lists them and what moto lacks.

    server.py PORT            the additions to CopyImage included
    server.py PORT --as-is    CopyImage as moto has it
    --evidence                what is asked before a deletion has an answer: which images
                              use a snapshot; nothing refers to an image; the bin is empty

POST /_seed puts images there with their own ids and dates. GET /_calls counts the requests by action.
"""

import json
import os
import sys
from collections import Counter
from datetime import datetime
from io import BytesIO
from urllib.parse import parse_qs

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.models import ec2_backends  # noqa: E402
from moto.ec2.models.amis import Ami  # noqa: E402
from moto.ec2.responses.amis import AmisResponse  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402


def copy_image(self):
    """What moto passes over: ClientToken, tags in the call, the image that a copy was made from."""
    self.error_on_dryrun()
    backend = self.ec2_backend
    tokens = backend.__dict__.setdefault("copy_tokens", {})
    token = self._get_param("ClientToken")
    if token in tokens:
        return ActionResult({"ImageId": tokens[token]})
    source, region = self._get_param("SourceImageId"), self._get_param("SourceRegion")
    ami = backend.copy_image(source, region, self._get_param("Name"), self._get_param("Description"))
    for spec in self._get_param("TagSpecifications", []) or []:
        tags = {tag["Key"]: tag.get("Value", "") for tag in spec.get("Tags", [])}
        (ami if spec["ResourceType"] == "image" else ami.ebs_snapshot).add_tags(tags)
    ami.source_image_id, ami.source_image_region = source, region
    if token:
        tokens[token] = ami.id
    return ActionResult({"ImageId": ami.id})


def list_images_in_recycle_bin(self):
    return ActionResult({"Images": []})


filter_value = Ami.get_filter_value


def filter_value_with_snapshots(self, filter_name, method_name=None):
    if filter_name == "block-device-mapping.snapshot-id":
        return [self.ebs_snapshot.id]
    return filter_value(self, filter_name, method_name)


def describe_image_references(self):
    return ActionResult({"ImageReferences": []})


def seed(items):
    for item in items:
        backend = ec2_backends[item["account"]][item["region"]]
        ami = Ami(
            backend,
            item["id"],
            name=item["name"],
            description=item.get("description", ""),
            owner_id=item["account"],
            architecture=item.get("architecture", "x86_64"),
            virtualization_type="hvm",
            root_device_type="ebs",
            root_device_name="/dev/xvda",
            creation_date=datetime.fromisoformat(item["created"].replace("Z", "+00:00")).replace(tzinfo=None),
            tags=item.get("tags") or None,
        )
        backend.amis[item["id"]] = ami
    return {"seeded": len(items)}


calls = Counter()


class App(DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/_calls":
            return answer(start_response, dict(calls))
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"] == "/_seed":
            return answer(start_response, seed(json.loads(body)))
        environ["wsgi.input"] = BytesIO(body)
        for action in parse_qs(body.decode()).get("Action", []):
            calls[action] += 1
        return super().__call__(environ, start_response)


def answer(start_response, document):
    body = json.dumps(document).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    if "--as-is" not in sys.argv:
        AmisResponse.copy_image = copy_image
    if "--evidence" in sys.argv:
        AmisResponse.list_images_in_recycle_bin = list_images_in_recycle_bin
        AmisResponse.describe_image_references = describe_image_references
        Ami.get_filter_value = filter_value_with_snapshots
    server = make_server("127.0.0.1", int(sys.argv[1]), App(create_backend_app), threaded=True)
    print(f"listening on {server.port}", flush=True)
    server.serve_forever()

# Writes go.mod and go.sum anew, for another version of Kubernetes. Run it by hand, here, and commit what it wrote.
#
# k8s.io/kubernetes asks for its staging modules at v0.0.0 and finds them by `replace` lines that a consumer does not
# inherit, so every one of them has to be mapped here. The list is that of 1.36 and 1.37.
set -eu
cd "$(dirname "$0")"
kubernetes=${1:-v1.36.4}
etcd=${2:-v3.6.8} # the version that kubernetes' own go.mod asks for: both share one module graph
staging=v0.${kubernetes#v1.}

export GOTOOLCHAIN=local GOFLAGS=-mod=mod
rm -f go.mod go.sum
go mod init amifleet.io/controlplane
go mod edit -go=1.26.0
for module in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider \
  cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api \
  cri-client cri-streaming csi-translation-lib dynamic-resource-allocation endpointslice externaljwt \
  kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics \
  mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller streaming; do
  go mod edit -replace="k8s.io/$module=k8s.io/$module@$staging"
done
go mod edit -require="k8s.io/kubernetes@$kubernetes" -require="go.etcd.io/etcd/server/v3@$etcd" \
  -require="k8s.io/component-base@$staging" -require="k8s.io/kubectl@$staging"
# Not `go mod tidy`, which would also pull in what only the tests of the dependencies need.
go list -deps ./... > /dev/null

# The bundle is made by the same Node that runs it.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package runs a script of its own: what is installed is what the lock file names, and nothing else is fetched.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json rolldown.config.ts ./
COPY src src
RUN npm run build

FROM node:24-slim
WORKDIR /app
COPY package.json ./
COPY --from=build /build/dist dist
ENV NODE_ENV=production
# Writes nothing: run it with a read-only root file system.
USER 65532:65532
ENTRYPOINT ["node", "dist/amifleet.js"]
CMD ["controller"]

# FlowGuard, for compose.yaml: one image for every part; the command says which. `docker build .`
# Versions are held to engines/versions.ts by engines/compose.test.ts.

FROM node:24-bookworm-slim AS base
WORKDIR /app

# The drivers that are no dependency of the project: Kafka's, compiled for this Node where its ready-made binary is out of reach, and Snowflake's.
FROM base AS driver
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates g++ make python3 \
    libcurl4-openssl-dev libzstd-dev libsasl2-dev liblz4-dev libssl-dev zlib1g-dev
WORKDIR /drivers
RUN echo '{"private":true,"allowScripts":{"@confluentinc/kafka-javascript@1.10.1":true}}' > package.json \
  && CKJS_LINKING=dynamic npm_config_nodedir=/usr/local \
    npm install --no-audit --no-fund --save-exact --ignore-scripts=false @confluentinc/kafka-javascript@1.10.1 \
  && npm install --no-audit --no-fund --save-exact snowflake-sdk@3.3.0 \
  && node -e "require('@confluentinc/kafka-javascript'); require('snowflake-sdk')" \
  && rm -rf node_modules/@confluentinc/kafka-javascript/build/Release/obj.target

# The pages, which are built with what the product does not need.
FROM base AS pages
COPY . .
RUN npm ci --no-audit --no-fund
RUN node apps/console/main.ts && node apps/store/main.ts --build-only

FROM base AS product
COPY . .
RUN NODE_ENV=production npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

FROM base
# What Kafka's driver is linked with.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libcurl4 libzstd1 libsasl2-2 liblz4-1 libssl3 zlib1g \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node -m 750 /var/lib/flowguard
COPY --from=driver /drivers /drivers
COPY --from=product /app /app
COPY --from=pages /app/apps/console/dist /app/apps/console/dist
COPY --from=pages --chown=node:node /app/apps/store/.build /app/apps/store/.build
ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 DATA_DIR=/var/lib/flowguard FLOWGUARD_DRIVERS=/drivers
# Nothing in /app is written to when it runs.
USER node
VOLUME /var/lib/flowguard
EXPOSE 8000 8001 3000 8080
ENTRYPOINT ["node", "packages/pipeline/bin/flowguard.mjs"]
CMD ["up"]

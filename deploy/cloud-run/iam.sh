#!/bin/sh
# The account of the exporter on Cloud Run and its roles: read metadata, write metrics, read its two secrets, ask services.
# usage: PROJECT=... REGION=... deploy/cloud-run/iam.sh SERVICE...    (the private services that it probes)
set -eu
: "${PROJECT:?}" "${REGION:?}"
here=$(dirname "$0")
account=staging-exporter@$PROJECT.iam.gserviceaccount.com
member=serviceAccount:$account
gcloud iam service-accounts create staging-exporter --project "$PROJECT"
gcloud iam roles create stagingExporter --project "$PROJECT" --file "$here/../gcp/role.yaml"
for role in "projects/$PROJECT/roles/stagingExporter" roles/monitoring.metricWriter roles/cloudsql.client; do
    gcloud projects add-iam-policy-binding "$PROJECT" --member "$member" --role "$role" --condition None
done
for secret in staging-exporter-configuration staging-exporter-collection; do
    gcloud secrets add-iam-policy-binding "$secret" --project "$PROJECT" --member "$member" \
        --role roles/secretmanager.secretAccessor
done
for service in "$@"; do
    gcloud run services add-iam-policy-binding "$service" --project "$PROJECT" --region "$REGION" --member "$member" \
        --role roles/run.invoker
done

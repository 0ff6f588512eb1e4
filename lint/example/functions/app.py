"""What every rule of lint/semgrep.yaml is against; the static gate makes sure that each of them finds it here."""

from urllib.parse import unquote_plus

import boto3

SEEN = {}
client = boto3.client("s3")
session = boto3.Session(aws_secret_access_key="written down")


def handler(event, context):
    global LAST
    LAST = event
    logger.info(event)
    return unquote_plus(event["detail"]["object"]["key"])

#!/usr/bin/env bash
# Makes what template.yaml makes on AWS: the queues with their dead letters, both
# buckets, and the notification of one into a queue. Running it again changes
# nothing.
set -euo pipefail
shopt -s inherit_errexit # also in $(…)

prefix=${SQS_QUEUE_PREFIX:-docuvault-}
documents=${S3_BUCKET:-docuvault}
derived=${S3_DERIVED_BUCKET:-docuvault-derived}

arn() {
	awslocal sqs get-queue-attributes --queue-url "$1" --attribute-names QueueArn --query Attributes.QueueArn --output text
}

# queue NAME VISIBILITY: the visibility is six times the function's timeout.
queue() {
	local dead url target
	dead=$(awslocal sqs create-queue --queue-name "$prefix$1-dead" --query QueueUrl --output text)
	url=$(awslocal sqs create-queue --queue-name "$prefix$1" --query QueueUrl --output text)
	target=$(arn "$dead")
	# Set apart: creating a queue again with other attributes is an error.
	awslocal sqs set-queue-attributes --queue-url "$url" --attributes \
		"{\"VisibilityTimeout\":\"$2\",\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"$target\\\",\\\"maxReceiveCount\\\":\\\"5\\\"}\"}"
	echo "$url"
}

bucket() {
	awslocal s3api head-bucket --bucket "$1" >/dev/null 2>&1 || awslocal s3api create-bucket --bucket "$1" >/dev/null
}

uploadcomplete=$(queue uploadcomplete 1800)
queue analyze 1800 >/dev/null
queue erase 1800 >/dev/null
queue mail 360 >/dev/null

bucket "$documents"
bucket "$derived"
target=$(arn "$uploadcomplete")
awslocal s3api put-bucket-notification-configuration --bucket "$documents" --notification-configuration \
	"{\"QueueConfigurations\":[{\"QueueArn\":\"$target\",\"Events\":[\"s3:ObjectCreated:*\"]}]}"

# Last: the container is healthy when this queue is there.
queue purge 360 >/dev/null

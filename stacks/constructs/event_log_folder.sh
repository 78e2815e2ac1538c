#!/bin/bash
# EMR bootstrap action: make the folder of Spark's event logs.
# usage: event_log_folder.sh BUCKET FOLDER/
#
# Spark checks that the folder is there before the first job writes to it, and S3 has no folder until an object
# is in it. Every node runs this; putting the same empty marker twice changes nothing.
set -euo pipefail
aws s3api put-object --bucket "$1" --key "$2" >/dev/null

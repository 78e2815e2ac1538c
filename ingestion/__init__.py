"""What the ingest functions share on AWS: how a download that outlives one invocation goes on in the next."""

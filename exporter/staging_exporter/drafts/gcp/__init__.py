"""A configuration drafted from what is deployed in Google Cloud, and the differences between a file and the cloud."""

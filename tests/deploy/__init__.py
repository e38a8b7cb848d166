"""What is in deploy/: manifests and the image, checked without a cluster and without a container engine."""

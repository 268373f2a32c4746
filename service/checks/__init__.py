"""What `impasto doctor` looks at: one file for each part of a running system."""

"""The peers: their environments, our weights in their formats, and what runs in their processes."""

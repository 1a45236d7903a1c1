"""The listening server: streams of many clients, one model."""

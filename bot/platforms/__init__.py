"""Chat platforms: each has a client, an inbound listener, command registration, a renderer and a sender."""

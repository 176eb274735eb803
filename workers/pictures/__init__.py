"""Around the drawing of a picture: its request, pictures that people attach, safety, and files that platforms take."""

"""Everything around drawing a picture: its request, attachments, safety, and files that platforms accept."""

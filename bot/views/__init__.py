"""Views: from an outbox row to the neutral message a person sees, one file per topic."""

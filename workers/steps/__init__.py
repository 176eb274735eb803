"""Workflow steps by topic."""

"""Redaction: find faces, heads, people, cars and plates, and hide them."""

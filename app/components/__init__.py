"""Pieces that two screens share. They know Gradio and plain data, and no service."""

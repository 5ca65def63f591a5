"""The workbench: Gradio screens over services in plain Python."""

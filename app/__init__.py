"""The screen and the doors: the only code that imports gradio or fastapi."""

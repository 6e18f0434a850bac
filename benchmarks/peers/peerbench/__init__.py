"""The same card rendered by framepress and by its peers, measured alike. Entry point: `../run.py`."""

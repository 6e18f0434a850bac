"""What a row costs when clips share most of their pictures. Entry point: `../measure.py`."""

"""One file a page. Each only places a mount point; what lives in it is in static/."""

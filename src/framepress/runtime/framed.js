// Only in a frame of a page of ours: the script that brought the driver is no part of the document.
if (config.framed) document.currentScript?.remove();

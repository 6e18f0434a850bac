"""What `framepress preview` does, once it is known what was asked for."""

from __future__ import annotations

import os
import webbrowser

from framepress.cache_options import cache_options
from framepress.cli import show
from framepress.cli.listing import binding_of, remote_of
from framepress.cli.preview import Options
from framepress.preview.listed import ListSource
from framepress.preview.model import PreviewModel
from framepress.preview.server import PreviewServer
from framepress.remote_files import RemoteFiles
from framepress.temporary_folders import remove_folders_of
from framepress.workshop import render_settings


def run(options: Options) -> int:
    """Show what was asked for until the user interrupts.

    Raises:
        FramepressError: composition or list cannot be read, or the port is taken.
    """
    try:
        return _run(options)
    finally:
        remove_folders_of(os.getpid())


def _run(options: Options) -> int:
    settings = render_settings(fps=options.fps, now=options.now, locale=options.locale)
    binding = binding_of(options)
    source = None
    if options.variants is not None:
        source = ListSource(options.variants, options.encoding, options.query, binding)
    remote = remote_of(options, cache_options(os.environ))
    model = PreviewModel(
        options.composition, source, settings, RemoteFiles(remote) if remote is not None else None
    )
    # What cannot be read at all is told here, not in a browser.
    model.state()
    server = PreviewServer(model, options.port)
    show.console().print(f"{options.composition} at {server.url}; Ctrl-C ends it.", markup=False)
    if not options.no_open:
        webbrowser.open(server.url)
    server.serve()
    return 0

"""What the page offers for download."""

from __future__ import annotations

import gradio as gr
from fastapi.testclient import TestClient
from gradio.processing_utils import move_files_to_cache

from app.blocks import build_blocks


def test_results_are_served_from_where_they_lie(services):
    """However large, they are not copied when a page shows them; nothing else of the data folder is served."""
    page = build_blocks(services)
    results = services.settings.data_folder / "classified" / "0123456789ab" / "classified.csv"
    results.parent.mkdir(parents=True)
    results.write_text("line,id\n")
    button = next(block for block in page.blocks.values() if block.elem_id == "download-csv")
    offered = move_files_to_cache(button.postprocess(results).model_dump(), button, postprocess=True)
    assert offered["path"] == str(results)
    with TestClient(gr.routes.App.create_app(page)) as client:
        assert client.get(offered["url"]).text == "line,id\n"
        others = services.settings.data_folder / "workbench.db"
        assert others.is_file()
        assert client.get(f"/gradio_api/file={others}").status_code == 403

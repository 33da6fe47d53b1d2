"""Mouse events on widgets that are just being replaced."""

from textual.events import MouseDown, MouseEvent, MouseMove, MouseUp
from textual.widgets import Markdown, Static
from textual.widgets._markdown import MarkdownH1

from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.frame.help import KEYS_HEADING
from gjobs.tui.dashboard.list.table_drawing import HEADER_HEIGHT
from tests.tui.dashboard.dashboard_driver import Driver


async def send(app: GjobsApp, kind: type[MouseEvent], x: int, y: int) -> None:
    await app.on_event(kind(None, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False))


async def test_mouse_press_or_drag_on_a_removed_widget_does_not_end_the_dashboard(dashboard: Driver) -> None:
    """Textual finds the widget at its former place until the next layout."""
    app = dashboard.app
    for is_pressed_before in (True, False):
        await dashboard.press("question_mark", dialog="Manual: tour", shows=KEYS_HEADING)
        title = app.screen.query(MarkdownH1).first()
        x, y = title.region.offset
        if is_pressed_before:
            await send(app, MouseDown, x, y)
            await send(app, MouseMove, x + 1, y)
        with app.batch_update():  # The manual replaces its page in the same way.
            await title.remove()
            assert app.get_widget_at(x, y)[0] is title
            if not is_pressed_before:
                await send(app, MouseDown, x, y)
            await send(app, MouseMove, x + 3, y)
        await dashboard.settle()
        await send(app, MouseUp, x + 3, y)
        # The contents show the headings of the last page until the next page is built.
        page = app.screen.query_one(Markdown)
        page.post_message(Markdown.TableOfContentsSelected(page, "heading-of-another-page"))
        await dashboard.settle()
        await dashboard.press("escape", dialog="")


async def test_press_on_a_removed_widget_does_not_become_a_click_on_the_widget_behind_it(dashboard: Driver) -> None:
    app, table = dashboard.app, dashboard.table
    x, y = table.region.x + 9, table.region.y + HEADER_HEIGHT + 1
    await send(app, MouseDown, x, y)
    await send(app, MouseUp, x, y)
    await dashboard.settle()
    clicked = dashboard.cursor

    cover = Static("A message")
    cover.styles.layer, cover.styles.width, cover.styles.height = "notice", "100%", "100%"
    await app.dashboard.mount(cover)
    await dashboard.settle()
    with app.batch_update():
        await cover.remove()
        await send(app, MouseDown, x, y + 2)
    await dashboard.settle()
    assert app.get_widget_at(x, y + 2)[0] is table
    await send(app, MouseUp, x, y + 2)
    await dashboard.settle()

    assert clicked is not None
    assert dashboard.cursor == clicked

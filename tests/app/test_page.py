"""The page: its places, its settings, and that everything it asks for is there and is ours."""

import re
from pathlib import Path

import pytest

from app.page import HEAD, STATIC, build_page

MOUNTS = ("header", "choose", "taste", "create", "keep", "settings")
SCRIPTS = sorted(STATIC.glob("*.js"))
SHEETS = sorted(STATIC.glob("*.css"))


@pytest.fixture(scope="module")
def built():
    return build_page(offline=True, theme="dark")


def blocks(page, kind):
    return [block for block in page.blocks.values() if type(block).__name__ == kind]


def test_four_tabs_in_the_order_of_the_path(built):
    page, _ = built
    tabs = blocks(page, "Tab")
    assert [tab.id for tab in tabs] == ["choose", "taste", "create", "keep"]
    assert [tab.label.key for tab in tabs] == ["Choose", "My taste", "Create", "Keep"]


def test_every_part_has_one_place(built):
    page, _ = built
    places = [block.value for block in blocks(page, "HTML")]
    assert sorted(places) == sorted(f'<div id="{name}-mount"></div>' for name in MOUNTS)
    script = (STATIC / "main.js").read_text()
    assert sorted(re.findall(r'mount\("(\w+)-mount"', script)) == sorted(MOUNTS)


def test_no_gradio_event_and_a_closed_sidebar(built):
    page, _ = built
    assert page.fns == {}
    assert [block.open for block in blocks(page, "Sidebar")] == [False]


def test_nothing_calls_home_and_nothing_is_kept(built):
    page, given = built
    assert page.analytics_enabled is False
    assert given["footer_links"] == []
    assert given["run_history"] is False
    assert given["enable_monitoring"] is False
    assert Path(given["favicon_path"]).is_file()


def test_flags_reach_the_page(built):
    _, given = built
    assert 'data-theme="dark" data-offline="true"' in given["head"]
    assert 'data-language="auto"' in given["head"]
    assert given["i18n"].translations["de"]["My taste"] == "Mein Geschmack"
    with pytest.raises(ValueError, match="auto, light, dark"):
        build_page(offline=False, theme="sepia")


def test_head_is_relative_so_that_a_root_path_works():
    asked = re.findall(r'(?:href|src)="([^"]+)"', HEAD)
    assert "static/main.js" in asked and len(set(asked)) == len(asked) >= 5
    assert all(path.startswith("static/") and (STATIC.parent / path).is_file() for path in asked)


def test_theme_uses_no_web_font(built):
    _, given = built
    assert given["theme"]._stylesheets == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_imports_what_exists_and_reaches_only_us(script):
    text = script.read_text()
    for path, names in [
        (p, n) for n, p in re.findall(r'import \{([^}]*)\} from "\./([^"]+)"', text)
    ]:
        offered = (STATIC / path).read_text()
        for name in (part.strip() for part in names.split(",") if part.strip()):
            assert re.search(
                rf"export (?:default )?(?:async )?(?:function\*?|const|class|let) {name}\b", offered
            ), (path, name)
            used = len(re.findall(rf"\b{name}\b", text))
            assert used > 1, f"{script.name} imports {name} and does not use it"
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text and "eval(" not in text
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_style_sheet_is_self_contained(sheet):
    text = sheet.read_text()
    assert "url(" not in text and "@import" not in text and "@font-face" not in text
    assert text.count("{") == text.count("}")
    assert len(text.splitlines()) <= 400


def linear(channel: int) -> float:
    """sRGB 0..255 to linear light, WCAG 2.2."""
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two #rrggbb colours."""
    light = sorted(
        sum(w * linear(int(c[k : k + 2], 16)) for w, k in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))
        for c in (one, other)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "bad"])
def test_words_stand_out(text, scheme):
    sheet = (STATIC / "style.css").read_text()
    colours = {
        name: pair
        for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", sheet)
    }
    for ground in ("paper", "card", "sunk"):
        assert contrast(colours[text][scheme], colours[ground][scheme]) >= 4.5, (text, ground)


def test_every_profile_colour_carries_white_words():
    from app.studio import COLOURS

    assert all(contrast(colour, "#ffffff") >= 4.5 for colour in COLOURS)

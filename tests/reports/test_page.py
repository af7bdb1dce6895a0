from datetime import UTC, datetime

from plotly import graph_objects

from segqc_conformal.reports.page import Section, figure, html_page, notice, table, write_page

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_plotly_comes_once_and_only_with_a_figure():
    drawn = [
        Section(str(i), figure(graph_objects.Figure({"data": [{"y": [i, 2]}]}), "t", "c"))
        for i in range(2)
    ]
    assert html_page("t", "s", drawn, NOW).count("plotly.js v") == 1
    assert "plotly.js v" not in html_page("t", "s", [Section("a", "b")], NOW)


def test_links_to_sections_stand_only_where_there_are_several():
    sections = [Section("one", "a"), Section("two", "b")]
    assert "<nav>" not in html_page("t", "s", sections[:1], NOW)
    assert html_page("t", "s", sections, NOW).count('href="#s') == 2


def test_short_words_are_not_broken_and_hashes_may_be():
    body = table(["a"], [["north"], ["8 of 9"], ["0123456789abcdef" * 4], ["x" * 64]])
    assert [part.split('"')[0] for part in body.split('class="')[1:]] == [
        "short",
        "number",
        "number",
    ]


def test_everything_given_as_text_is_escaped():
    hostile = "<b>&"
    page = html_page(hostile, hostile, [Section(hostile, table([hostile], [[hostile]]))], NOW)
    assert hostile not in page
    assert notice(hostile, "plain").count("&lt;b&gt;&amp;") == 1


def test_browser_refuses_what_the_page_would_fetch(tmp_path, chromium):
    evil = (
        '<img src="http://127.0.0.1:9/x.png" onerror="document.title = 1">'
        "<script>fetch('http://127.0.0.1:9/').catch(e => { document.title += ' refused' })</script>"
    )
    listener = (
        "<script>document.addEventListener('securitypolicyviolation', e => {"
        "document.body.append('blocked by ' + e.effectiveDirective) })</script>"
    )
    path = write_page(tmp_path / "p.html", "t", "s", [Section("x", listener + evil)], NOW)
    dom = chromium(path, 1200)
    assert "blocked by img-src" in dom
    assert "blocked by connect-src" in dom


def test_wide_content_would_be_noticed(tmp_path, scroll_width):
    wide = '<div style="width:900px">wide</div>'
    path = write_page(tmp_path / "p.html", "t", "s", [Section("x", wide)], NOW)
    assert scroll_width(path, 400) > 400

"""The kit for self-contained HTML pages: each report is one file that loads nothing.

    body = tiles({"F1": 0.91, "impacts": 12}) + table(["class", "AP"], [("head", 0.8)])
    write_page("<main>{{figures}}</main>", Path("report.html"), title="Impacts",
               parts={"figures": body})

`markup` escapes text and writes pages; `tables` makes tables and figure tiles; `images` and `crops`
turn pixels into images of a page; `strips` makes film strips of a video; `curves` holds the lines
that `assets/charts.js` draws; `provenance` says how a report was made. A page that a script builds
shares `assets/page.js`. Functions return HTML with all text escaped. No job is known here.
"""

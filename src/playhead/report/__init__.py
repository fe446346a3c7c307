"""The kit for self-contained HTML pages: each report is one file that loads nothing.

    body = tiles({"F1": 0.91, "impacts": 12}) + table(["class", "AP"], [("head", 0.8)])
    write_page("<main>{{figures}}</main>", Path("report.html"), title="Impacts",
               parts={"figures": body})

`markup` escapes text and writes pages; `tables` makes tables and tiles; `images` and `crops` embed
images; `strips` makes film strips of a video; `curves` has the lines that `assets/charts.js` draws;
`provenance` lists versions and the configuration. Pages built by a script share `assets/page.js`.
Functions return HTML with all text escaped. No job is known here.
"""

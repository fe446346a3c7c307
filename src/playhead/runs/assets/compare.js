all("[data-run]").forEach((node) => node.style.setProperty("--run", colour(+node.dataset.run)));
data.charts.forEach((chart, i) => lines(`chart-${i}`, chart.title, chart.x, "", chart.lines));

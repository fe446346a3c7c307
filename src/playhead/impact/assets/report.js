if (data.curve.length) {
  lines("curve-chart", "F1, precision and recall over the impact threshold", "impact threshold", "", data.curve, { unit: true, mark: data.threshold });
}
trainingCharts(data.training);

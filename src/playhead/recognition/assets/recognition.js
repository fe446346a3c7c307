trainingCharts(data.training);

"""The whole method on one machine in minutes: data, training, ensemble, maps, scores, figures."""

"""Reports for people: calibration, drift, work list and comparison of predictors."""

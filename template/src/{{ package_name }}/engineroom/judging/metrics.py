"""The metrics, in one table: what each means for readers, and which way is better."""

EXPLAINED = {  # name and meaning for readers of the report; errors of numbers are in the target's unit
    "accuracy": ("Accuracy", "share of records that get the right class"),
    "balanced_accuracy": (
        "Balanced accuracy",
        "the same for each class by itself, averaged: rare classes count in full",
    ),
    "precision": ("Precision", "share of the records given a class that are of it"),
    "recall": ("Recall", "share of the records of a class that are found"),
    "specificity": ("Specificity", "share of the negative records that are left alone"),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "roc_auc": ("ROC AUC", "how often a record of the class ranks above one that is not; 0.5 is guessing"),
    "average_precision": ("Average precision", "precision, averaged over all thresholds"),
    "precision_at_k": ("Precision at the top", "precision among the records with the highest probability"),
    "log_loss": ("Log loss", "how far the probabilities are off; sure and wrong weighs most"),
    "brier": ("Brier score", "mean squared error of the probabilities"),
    "rmse": ("RMSE", "size of the errors; large ones weigh more"),
    "mae": ("Mean absolute error", "how far a prediction is off on average, in either direction"),
    "r2": ("R\N{SUPERSCRIPT TWO}", "share of the differences between records that is explained; 0 is guessing"),
    "mape": ("Mean relative error", "the error as a share of the true value, averaged"),
    "interval_coverage": ("Interval coverage", "share of true values inside the prediction's interval"),
    "interval_width": ("Interval width", "from the lower to the upper end"),
    "cost_per_record": ("Cost per record", "what the answers cost on average, in the contract's currency"),
}
LOWER_IS_BETTER = ("log_loss", "brier", "rmse", "mae", "mape", "interval_width", "cost_per_record")
HIGHER_IS_BETTER = {name: name not in LOWER_IS_BETTER for name in EXPLAINED}
# May constant answers count, too? Of a metric that is not here, a constant is the best of dummies.
BLIND_METRICS = {"precision": True, "f1": True, "recall": False, "specificity": False}

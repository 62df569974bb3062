"""Training of a joint detector: films and boxes, augmentation, loss, metrics."""

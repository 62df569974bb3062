"""How a joint detector is trained: films and boxes, augmentation, loss, metrics."""

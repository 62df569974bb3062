"""Reads the margins of a joint space from a picture of the joint."""

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.errors import BadScan
from jsl_core.width.margins import Compartment, Margins, mirror_margins
from jsl_core.width.tracking import GRID, even_out, row_edges, track_pair

__all__ = ["MarginReader"]

_LEFT_COLUMNS, _RIGHT_COLUMNS = (24, 92), (132, 200)
_ROWS = (76, 170)
_CLEAR = 3.0  # mean gain of a column from which on margins are as clear as they get


class MarginReader:
    """Finds the margins of joints."""

    def read(self, joint: NDArray[np.uint8], side: int) -> Margins:
        """Find the margins on one joint.

        Args:
            joint: uint8 S×S, bone bright, 1.2 to 1.6 tibial plateaus wide, as displayed conventionally.
            side: 1 for a right knee, 2 for a left one.

        Returns:
            The margins in pixels of the joint.

        Raises:
            BadScan: `no_margins` where the picture shows none.
        """
        if side == 2:
            return mirror_margins(self.read(np.ascontiguousarray(joint[:, ::-1]), 1))
        method = cv2.INTER_AREA if joint.shape[1] > GRID else cv2.INTER_CUBIC
        grid = cv2.resize(joint, (GRID, GRID), interpolation=method)
        if not grid.std() > 1:
            raise BadScan("no_margins", "the picture is even; no joint space can be told from it")
        edges, evened = row_edges(grid), even_out(grid)
        parts, costs = [], []
        for columns in (_LEFT_COLUMNS, _RIGHT_COLUMNS):
            x = np.arange(*columns)
            pair = track_pair(edges, evened, x, _ROWS)
            parts.append(Compartment(x.astype(float), pair.femoral.astype(float), pair.tibial.astype(float)))
            costs.append(pair.cost)
        quality = float(np.clip(-max(costs) / _CLEAR, 0, 1))
        # A right knee's lateral side is on the picture's left.
        margins = Margins(
            parts[1], parts[0], (_RIGHT_COLUMNS[1] + 8.0, _LEFT_COLUMNS[0] - 8.0), quality, GRID
        )
        return margins.scaled(joint.shape[1] / GRID, joint.shape[1])

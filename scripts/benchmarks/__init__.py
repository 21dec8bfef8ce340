"""The store beside the raw drivers and the package `eventsourcing`; see `scripts/bench`.

`work` says what all sides store, and what a side can do. `raw`, `peer` and `ours` are the sides.
`lines` has them take turns; `growth` measures this store alone, on logs of several sizes; `page`
writes down what came out.
"""

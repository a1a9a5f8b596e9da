"""Curves of recall and time: what a search costs at a given recall. Shared by benchmarks and reports."""
import math

NAMES = {'vecx': 'vecx', 'vector': 'pgvector', 'hnswlib': 'hnswlib'}  # what readers call them


def rising(points):
    """The points by effort, without those that take more effort for no more recall."""
    kept = []
    for point in sorted(points, key=lambda point: point['effort']):
        if not kept or point['recall'] > kept[-1]['recall']:
            kept.append(point)
    return kept


def at_recall(points, recall, quantity='microseconds'):
    """(value, exact) at a recall, the logarithm of the quantity interpolated over recall.

    A curve that begins above the recall counts with its first point, and is not exact: the search is
    not made worse to take less. A curve that ends below it gives None.
    """
    curve = rising(points)
    if not curve or curve[-1]['recall'] < recall:
        return None, False
    if curve[0]['recall'] >= recall:
        return float(curve[0][quantity]), curve[0]['recall'] == recall
    for low, high in zip(curve, curve[1:]):
        if high['recall'] >= recall:
            share = (recall - low['recall']) / (high['recall'] - low['recall'])
            return math.exp((1 - share) * math.log(low[quantity]) + share * math.log(high[quantity])), True
    return None, False


def ratio_at_recall(points, other_points, recall):
    """How many times longer the other takes, and whether both curves really have that recall."""
    own, own_exact = at_recall(points, recall)
    other, other_exact = at_recall(other_points, recall)
    if own is None or other is None:
        return None, False
    return other / own, own_exact and other_exact

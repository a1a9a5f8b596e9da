"""Plots of the reports: recall and time of one record of the command search."""
import numpy as np
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

MARKERS = 'os^vDP*X<>'
TICKS = (.5, .7, .8, .9, .95, .97, .99, .995, .999, .9995, .9999)


def plot(record, curves, what, path):
    """Time over recall; the recall axis is the number of nines, so that .9 to .9999 take equal parts.
    `curves`: names and points. `what`: the end of the title."""
    # A recall of 1 lies nowhere on such an axis: it is drawn at the resolution of the measurement.
    most = 1 - .5 / (10 * record['options']['queries'])
    figure, axes = pyplot.subplots(figsize=(8, 5))
    lowest = 1.0
    for (name, points), marker in zip(curves.items(), MARKERS):
        recalls = np.minimum([point['recall'] for point in points], most)
        lowest = min(lowest, recalls.min())
        axes.plot(recalls, [point['microseconds'] for point in points], marker=marker, label=name)
    axes.set_xscale('function', functions=(lambda recall: -np.log10(np.maximum(1 - recall, 1e-6)),
                                           lambda nines: 1 - 10.0 ** -nines))
    axes.set_yscale('log')
    ticks = [tick for tick in TICKS if lowest - .1 * (1 - lowest) < tick < most]
    axes.set_xticks([*ticks, most], [f'{tick:g}'.removeprefix('0') for tick in ticks] + ['1'])
    axes.xaxis.set_minor_locator(NullLocator())
    # A curve often stays within a decade, so 2 and 5 have their lines and numbers, too.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axes.set(xlabel='recall@10', ylabel='microseconds a query',
             title=f"{record['set']}, {record['rows']:,} x {record['dimensions']}, {what}")
    axes.grid(True, which='both', alpha=.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)

"""Command build of the hnsw benchmark: time, size and WAL of CREATE INDEX."""
import hnsw_library


def measure_build(databases, data, options):
    """Builds by each number of processes; the systems take turns. What is left at the end is the index
    that the command search uses."""
    items, index = data.tables + '_items', data.tables + '_index'
    figures = []

    def note(label, variant, processes, figure):
        figures.append({'label': label, 'variant': variant, 'processes': processes, **figure})
        print(f"{label:<8} {variant:<12} {processes} processes: {figure['seconds']:.2f} s", flush=True)

    vecx = databases[0]
    small = f'within {options.small_memory}'
    with_library = hnsw_library.available()
    for _ in range(options.rounds):
        for processes in options.processes:
            for database, variant, parameters, memory in (
                    (vecx, small, options.parameters, options.small_memory),
                    (vecx, 'compact', options.parameters + ', storage = compact', options.memory),
                    *((database, 'default', options.parameters, options.memory) for database in databases)):
                note(database.label, variant, processes, database.build_index(
                    index, items, 'vector_l2_ops', parameters, memory, processes - 1))
            if with_library:
                _, seconds = hnsw_library.build(data.base, options.m, options.ef_construction, processes)
                note(hnsw_library.LABEL, 'default', processes, {'seconds': seconds})
    return figures

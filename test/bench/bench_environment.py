"""The machine, the servers and the versions that figures belong to."""
import os
import subprocess

SERVER_SETTINGS = ('shared_buffers', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_level',
                   'max_wal_size', 'huge_pages', 'huge_pages_status', 'work_mem')
INSTRUCTIONS = ('avx2', 'f16c', 'avx512f', 'avx512bw', 'avx512vl', 'avx512_vnni', 'asimd')


def processor():
    model, flags = 'unknown', set()
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        for line in file:
            name, _, value = line.partition(':')
            if name.strip() == 'model name':
                model = value.strip()
            elif name.strip() in ('flags', 'Features'):
                flags.update(value.split())
    return model, [name for name in INSTRUCTIONS if name in flags]


def checkout():
    """The commit of the sources beside this file, where git knows it."""
    try:
        outcome = subprocess.run(['git', 'describe', '--always', '--dirty'], capture_output=True, text=True,
                                 cwd=os.path.dirname(os.path.abspath(__file__)), check=True)
        return outcome.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def environment(databases, libraries):
    """`libraries`: versions by name, None where one is missing."""
    model, instructions = processor()
    known = {'cpu': model, 'instructions': instructions, 'cores': os.cpu_count(),
             'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
             'libraries': libraries, 'checkout': checkout()}
    for database in databases:
        version = database.value('SELECT extversion FROM pg_extension WHERE extname = %s', (database.label,))
        settings = database.rows('SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)',
                                 (list(SERVER_SETTINGS),))
        known[database.label] = {'postgresql': database.value("SELECT current_setting('server_version')"),
                                 'extension': version, 'settings': dict(settings)}
    return known


def describe(known):
    """What environment() found, as Markdown."""
    libraries = ', '.join(f"{name} {version or 'absent'}" for name, version in known['libraries'].items())
    lines = [f"- {known['cpu']}, {known['cores']} cores ({', '.join(known['instructions'])}), "
             f"{known['memory_bytes'] / 1e9:.0f} GB of memory; {libraries}; "
             f"sources at {known['checkout'] or 'an unknown commit'}"]
    for label, name in (('vecx', 'vecx'), ('vector', 'pgvector')):
        if label not in known:
            continue
        database = known[label]
        settings = ', '.join(f'{setting} = {value}' for setting, value in sorted(database['settings'].items()))
        lines.append(f"- {name} {database['extension']} on PostgreSQL {database['postgresql']}: {settings}")
    return '\n'.join(lines)

def run(machine):
    return []

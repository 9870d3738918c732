"""The plant's own books: site, organisation, energies, meters, flows, equipment, people, calendars."""

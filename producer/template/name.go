package template

func nameMethods() map[string]maker {
	first, last := pick(firstNames()), pick(lastNames())
	space := literal(" ")
	prefix, suffix := pick(namePrefixes()), pick(nameSuffixes())
	full := sequence(first, space, last)
	descriptor, area, job := pick(jobDescriptors()), pick(areas()), pick(jobTypes())
	title := sequence(descriptor, space, area, space, job)
	return map[string]maker{
		"firstName": plain(first),
		"lastName":  plain(last),
		// Two in nine are decorated, one in front and one behind.
		"findName": plain(oneOf(sequence(prefix, space, full), sequence(full, space, suffix),
			full, full, full, full, full, full, full)),
		"prefix":        plain(prefix),
		"suffix":        plain(suffix),
		"title":         plain(title),
		"jobTitle":      plain(title),
		"jobDescriptor": plain(descriptor),
		"jobArea":       plain(area),
		"jobType":       plain(job),
	}
}

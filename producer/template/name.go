package template

func nameMethods() map[string]prepare {
	first, last := pick(firstNames()), pick(lastNames())
	space := literal(" ")
	prefix, suffix := pick(listed("person", "prefix", letters+".")), pick(listed("person", "suffix", letters+"."))
	descriptor, area, job := pick(listed("job", "descriptor", letters)), pick(jobAreas()), pick(listed("job", "title", letters))
	title := sequence(descriptor, space, area, space, job)
	return map[string]prepare{
		"firstName": plain(first),
		"lastName":  plain(last),
		"findName": func(arg value) (emit, error) {
			full := sequence(orText(arg, first), space, last)
			// Two in nine are decorated, one in front and one behind.
			return oneOf(sequence(prefix, space, full), sequence(full, space, suffix), full, full, full, full, full, full, full), nil
		},
		"prefix":        plain(prefix),
		"suffix":        plain(suffix),
		"title":         plain(title),
		"jobTitle":      plain(title),
		"jobDescriptor": plain(descriptor),
		"jobArea":       plain(area),
		"jobType":       plain(job),
	}
}

// orText is the argument's text, or else a part if the argument is nothing, 0 or false.
func orText(arg value, otherwise emit) emit {
	if arg.truthy() {
		return literal(arg.text())
	}
	return otherwise
}

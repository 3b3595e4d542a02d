package template

import "strings"

// imageMethods give addresses of placeholder pictures, whose one argument is the width.
func imageMethods() map[string]prepare {
	table := map[string]prepare{
		"image":    func(arg value) (emit, error) { return anyImage(width(arg)), nil },
		"avatar":   plain(avatar()),
		"imageUrl": imageURL(""),
	}
	for _, c := range imageCategories() {
		table[c] = imageURL("/" + c)
	}
	return table
}

func imageCategories() []string {
	return strings.Fields("abstract animals business cats city food nightlife fashion people nature sports technics transport")
}

func anyImage(width string) emit {
	return sequence(literal("http://lorempixel.com/"+width+"/480/"), pick(imageCategories()))
}

func width(arg value) string {
	if arg.truthy() {
		return arg.text()
	}
	return "640"
}

func imageURL(ending string) prepare {
	return func(arg value) (emit, error) {
		return literal("http://lorempixel.com/" + width(arg) + "/480" + ending), nil
	}
}

// avatar is the address of a portrait, which may be nobody's.
func avatar() emit {
	return sequence(literal("https://s3.amazonaws.com/uifaces/faces/twitter/"), lowered(pick(firstNames())), lowered(pick(lastNames())),
		literal("/128.jpg"))
}

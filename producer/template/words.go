package template

import "strings"

// Lists of our own: everyday names without characters that would break a record's JSON, XML or CSV. They are
// functions, so that nothing can change them.

func firstNames() []string {
	return strings.Fields(`Ada Alba Amara Anders Anna Arthur Bela Bruno Carla Chloe Clara Daniel Dora Edgar Elena Elias Emil
		Emma Felix Finn Flora Grace Greta Hannah Hugo Ida Igor Ines Iris Jakob Jana Jonas Julia Karim Kira Lars Laura Lea
		Leon Lina Lucas Luisa Mara Marco Maria Marta Max Mia Milan Nadia Nina Noah Nora Olga Oscar Otto Paula Petra Pia
		Rosa Ruth Samuel Sara Simon Sofia Stella Theo Tom Vera Victor Viola Yara Zoe`)
}

func lastNames() []string {
	return strings.Fields(`Abel Adler Almeida Bauer Becker Berg Bianchi Blanc Bosch Brandt Carter Castro Cole Costa Cruz Dahl
		Diaz Duarte Eriksen Fischer Foster Franco Garcia Graf Hale Hansen Hartmann Hoffmann Ibarra Ivanov Jansen Keller
		Klein Kowalski Kramer Lang Larsen Lopez Maier Marino Martin Meyer Moreau Moreno Mueller Nakamura Neumann Novak
		Olsen Park Peters Popov Quinn Ramos Reyes Ricci Rossi Santos Sato Schmidt Silva Sommer Stone Suzuki Torres Urban
		Vega Vogel Wagner Weber Winter Wolf Young Zeller`)
}

func namePrefixes() []string { return strings.Fields("Mr. Mrs. Ms. Miss Dr.") }

func nameSuffixes() []string { return strings.Fields("Jr. Sr. I II III IV V MD DDS PhD DVM") }

func jobDescriptors() []string {
	return strings.Fields("Lead Senior Junior Chief Regional National Global Central Internal External Principal Deputy")
}

func areas() []string {
	return strings.Fields("Sales Quality Security Research Accounts Data Logistics Operations Support Finance Design Legal")
}

func jobTypes() []string {
	return strings.Fields("Engineer Manager Analyst Architect Consultant Officer Planner Designer Developer Assistant Director")
}

func domainSuffixes() []string { return strings.Fields("com net org info biz name") }

func streetSuffixes() []string {
	return strings.Fields("Alley Avenue Bridge Court Drive Field Garden Hill Lane Park Place Road Square Street Terrace Way")
}

func counties() []string {
	return strings.Fields("Avon Bedfordshire Berkshire Cambridgeshire Cornwall Cumbria Devon Dorset Essex Kent Norfolk Suffolk Surrey")
}

func countries() []string {
	return strings.Split("Argentina,Australia,Austria,Belgium,Brazil,Canada,Chile,China,Colombia,Denmark,Egypt,Finland,France,"+
		"Germany,Ghana,Greece,India,Ireland,Italy,Japan,Kenya,Mexico,Morocco,Netherlands,New Zealand,Norway,Peru,Poland,"+
		"Portugal,South Africa,South Korea,Spain,Sweden,Switzerland,Turkey,United Kingdom,United States of America,Uruguay", ",")
}

func countryCodes() []string {
	return strings.Fields("AR AT AU BE BR CA CH CL CN CO DE DK EG ES FI FR GB GH GR IE IN IT JP KE KR MA MX NL NO NZ PE PL PT SE TR US UY ZA")
}

func states() []string {
	return strings.Split("Alabama,Alaska,Arizona,Arkansas,California,Colorado,Connecticut,Delaware,Florida,Georgia,Hawaii,Idaho,"+
		"Illinois,Indiana,Iowa,Kansas,Kentucky,Louisiana,Maine,Maryland,Massachusetts,Michigan,Minnesota,Mississippi,Missouri,"+
		"Montana,Nebraska,Nevada,New Hampshire,New Jersey,New Mexico,New York,North Carolina,North Dakota,Ohio,Oklahoma,Oregon,"+
		"Pennsylvania,Rhode Island,South Carolina,South Dakota,Tennessee,Texas,Utah,Vermont,Virginia,Washington,West Virginia,"+
		"Wisconsin,Wyoming", ",")
}

func stateCodes() []string {
	return strings.Fields(`AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND
		OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY`)
}

func latin() []string {
	return strings.Fields(`ab ad alias amet animi aqua arma aut bene bis causa cum deus dies dolor dum ego enim ergo est et ex
		fama fide fuit gens hic homo ibi id in inter ipse ita iter lex locus lux magna manus mare mens modo mons mors nam navis
		nemo nihil nomen non nox omnis opus ora orbis pax per post qui quid quod ratio res rex rosa sed semper si sine sol spes
		sub sum tamen tempus terra ubi unda urbs ut vel verbum via vir vis vita vox`)
}

func nouns() []string {
	return strings.Fields("array bridge cable circuit engine filter harbor index ladder matrix meadow panel pixel port sensor signal table tower valve window")
}

func adjectives() []string {
	return strings.Fields("amber calm digital early fresh granite green handy light modern neutral open plain quick rapid silver solid steady wireless wooden")
}

func locales() []string {
	return strings.Fields(`de de_AT de_CH en en_AU en_BORK en_CA en_GB en_IE en_IND en_US en_au_ocker es es_MX fa fr fr_CA ge id_ID
		it ja ko nb_NO nep nl pl pt_BR ru sk sv tr uk vi zh_CN zh_TW`)
}

func descriptors() []string {
	return strings.Fields("balanced central client-driven digital even-keeled global hybrid local mobile stable system-worthy tangible")
}

func verbs() []string {
	return strings.Fields("back boot deploy detect filter index launch lock map parse pack program reboot reload sort tail transform unpack")
}

package sample

var texts = []struct{ path, topic, language, text string }{
	{"Invoices/2025/invoice-2025-0417.pdf", "invoice", "en", `
Northwind Garden Supplies Ltd
12 Harbour Lane, Bristol BS1 4XY

INVOICE

Invoice number: 2025-0417
Invoice date: 14 March 2025
Due date: 28 March 2025
Customer number: C-20917
Bill to: Alex Example, 5 Mill Road, Cambridge

Quantity  Description                      Unit price     Amount
1         Garden bench, oak                  GBP 189.00   GBP 189.00
4         Lavender plant, 2 litre pot        GBP 6.50     GBP 26.00
1         Delivery                           GBP 12.00    GBP 12.00

Subtotal                                                  GBP 227.00
VAT 20 %                                                  GBP 45.40
Total amount due                                          GBP 272.40

Please pay within 14 days by bank transfer and quote the invoice number.
Thank you for your order.
`},
	{"Rechnungen/2024/Rechnung 2024-0815 Müller & Söhne.pdf", "invoice", "de", `
Elektro Müller & Söhne GmbH
Hauptstraße 7, 50667 Köln
Steuernummer 214/5800/0000

Rechnung

Rechnungsnummer: 2024-0815
Rechnungsdatum: 03.06.2024
Kundennummer: 10442
Leistungszeitraum: Mai 2024

Sehr geehrte Frau Beispiel,

für die ausgeführten Arbeiten berechnen wir Ihnen:

Pos.  Bezeichnung                         Menge   Einzelpreis   Gesamtpreis
1     Austausch Sicherungskasten          1       640,00 €      640,00 €
2     Arbeitsstunden Elektriker           6       68,00 €       408,00 €

Nettobetrag                                                    1.048,00 €
zzgl. 19 % Umsatzsteuer                                          199,12 €
Rechnungsbetrag                                                1.247,12 €

Bitte überweisen Sie den Betrag innerhalb von 14 Tagen ohne Abzug.
Bankverbindung: IBAN DE89 3704 0044 0532 0130 00
`},
	{"Bank/2025/statement-january.pdf", "bank-statement", "en", `
Riverside Bank plc
Account statement

Account holder: Alex Example
Account number: 31926819    Sort code: 60-16-13
IBAN: GB29 NWBK 6016 1331 9268 19
Statement period: 1 January 2025 to 31 January 2025

Date         Details                          Paid out   Paid in    Balance
01 Jan       Opening balance                                        1,204.11
03 Jan       Direct debit Water Company          38.20              1,165.91
15 Jan       Card payment Grocer                 61.75              1,104.16
28 Jan       Transfer from employer                       2,310.00  3,414.16
31 Jan       Closing balance                                        3,414.16

Overdraft limit: 500.00. Interest is credited quarterly.
`},
	{"Bank/2024/Umsätze.csv", "bank-statement", "de", `
Kontoauszug;Girokonto;IBAN DE89 3704 0044 0532 0130 00
Buchungstag;Wertstellung;Buchungstext;Verwendungszweck;Betrag;Saldo
02.12.2024;02.12.2024;Lastschrift;Stadtwerke Abschlag Dezember;-92,00;1.481,20
06.12.2024;06.12.2024;Kartenzahlung;Supermarkt;-54,13;1.427,07
20.12.2024;20.12.2024;Dauerauftrag;Miete Januar;-780,00;647,07
30.12.2024;30.12.2024;Gutschrift;Gehalt Dezember;2.640,00;3.287,07
31.12.2024;31.12.2024;Kontoabschluss;Neuer Kontostand;0,00;3.287,07
`},
	{"Verträge/Mietvertrag.pdf", "contract", "de", `
Mietvertrag über Wohnraum

zwischen Herrn Bernd Vermieter (Vermieter)
und Frau Erika Beispiel (Mieterin)

wird folgender Vertrag geschlossen:

§ 1 Mietgegenstand
Vermietet wird die Wohnung im zweiten Obergeschoss, Lindenweg 3, 50823 Köln.

§ 2 Mietdauer und Kündigung
Das Mietverhältnis beginnt am 01.04.2023 und läuft auf unbestimmte Zeit.
Die Kündigungsfrist beträgt drei Monate. Die Kündigung bedarf der Schriftform.

§ 3 Miete
Die monatliche Grundmiete beträgt 780,00 €. Hinzu kommen Vorauszahlungen
auf die Betriebskosten.

§ 4 Kaution
Die Mieterin leistet eine Kaution in Höhe von drei Grundmieten.
` + "\f" + `
§ 5 Schlussbestimmungen
Änderungen dieses Vertrages bedürfen der Schriftform. Sollte eine Bestimmung
dieses Vertrages unwirksam sein, bleiben die übrigen Bestimmungen wirksam.

Köln, den 12.02.2023

Unterschrift Vermieter                    Unterschrift Mieterin
`},
	{"Contracts/service-agreement.md", "contract", "en", `
# Service agreement

This agreement is made between **Fieldmouse Studio Ltd** (the contractor) and
**Alex Example** (the client).

1. **Term.** This contract begins on 1 May 2025 and ends on 30 April 2026.
2. **Services.** The contractor shall design and maintain the client's web site.
3. **Termination.** Either party may terminate this agreement with a notice
   period of 30 days in writing.
4. **Liability.** The liability of each party is limited to the fees paid under
   this agreement.
5. **Governing law.** This agreement is governed by the laws of England.

Signed by both parties:

Signature of the contractor, signature of the client
`},
	{"Arbeit/Gehaltsabrechnung 2024-11.pdf", "payslip", "de", `
Beispielwerke AG, Personalabteilung
Entgeltabrechnung November 2024

Personalnummer: 004711
Mitarbeiterin: Erika Beispiel
Steuerklasse: I    Krankenkasse: Muster BKK
Eintritt: 01.09.2019    Sozialversicherungsnummer: 00 000000 A 000

Grundgehalt                               3.900,00
Bruttolohn gesamt                         3.900,00

Lohnsteuer                                  512,33
Rentenversicherung                          362,70
Krankenversicherung                         315,90
Arbeitslosenversicherung                     50,70
Pflegeversicherung                           89,70

Gesetzliche Abzüge                        1.331,33
Nettoverdienst                            2.568,67
Auszahlungsbetrag                         2.568,67
`},
	{"Steuer/2023/Einkommensteuerbescheid.pdf", "tax", "de", `
Finanzamt Köln-Mitte
Steuernummer 214/0815/0000

Bescheid für 2023 über Einkommensteuer und Solidaritätszuschlag

Festgesetzt werden:                       Einkommensteuer    6.214,00 €
Abzug vom Lohn (Lohnsteuer)                                  6.702,00 €
verbleibende Steuererstattung                                  488,00 €

Besteuerungsgrundlagen
Einkünfte aus nichtselbständiger Arbeit                     44.310,00 €
Werbungskosten                                               1.870,00 €
Sonderausgaben                                               3.120,00 €
zu versteuerndes Einkommen                                  39.320,00 €

Rechtsbehelfsbelehrung: Gegen diesen Steuerbescheid ist der Einspruch gegeben.
Die Steuererklärung wurde elektronisch übermittelt.
`},
	{"Insurance/home-policy.html", "insurance", "en", `
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Home insurance policy</title></head>
<body><h1>Certificate of home insurance</h1>
<p>Policy number: HI-559-201-7. Policyholder: Alex Example.</p>
<p>Your insurance cover begins on 1 June 2025. The annual premium is GBP 214.80.</p>
<table><tr><th>Insured</th><th>Sum insured</th><th>Excess</th></tr>
<tr><td>Buildings</td><td>GBP 350,000</td><td>GBP 250</td></tr>
<tr><td>Contents</td><td>GBP 60,000</td><td>GBP 100</td></tr></table>
<p>To make a claim, call your insurer within 30 days of the damage and quote your policy number.
The insurance does not cover wear and tear.</p></body></html>
`},
	{"Gesundheit/Arztbrief.txt", "medical", "de", `
Praxis Dr. med. Anna Muster
Fachärztin für Innere Medizin

Arztbrief

Patientin: Erika Beispiel, geb. 01.02.1980

Sehr geehrter Herr Kollege,

wir berichten über die oben genannte Patientin, die sich am 11.10.2024 in
unserer Sprechstunde vorstellte.

Diagnose: Arterielle Hypertonie.
Befund: Blutdruck 152/94 mmHg, Puls 76/min. EKG unauffällig. Laborwerte im
Normbereich.
Therapie: Ramipril 5 mg einmal täglich. Kontrolle der Blutdruckwerte in vier
Wochen, danach erneute Untersuchung.

Mit freundlichen kollegialen Grüßen
Dr. med. Anna Muster
`},
	{"Travel/flight-confirmation.eml", "travel", "en", `
From: Bookings <bookings@airline.example>
To: Alex Example <alex@example.org>
Subject: Your flight booking confirmation K7QX2P
Date: Mon, 05 May 2025 09:30:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Dear passenger,

thank you for your booking. This is your itinerary and e-ticket receipt.

Booking reference: K7QX2P
Passenger: Alex Example

Flight EX 417   London (LHR) to Lisbon (LIS)
Departure 12 July 2025 07:40, arrival 10:25, seat 14A
Flight EX 418   Lisbon (LIS) to London (LHR)
Departure 19 July 2025 11:15, arrival 13:55, seat 14A

Check-in and your boarding pass are available 24 hours before departure.
Hotel and car rental can be added to your trip. Baggage: one cabin bag.
`},
	{"Letters/letter-to-the-council.docx", "letter", "en", `
Alex Example
5 Mill Road
Cambridge

2 February 2025

Dear Mrs Lindqvist,

thank you for your letter of 20 January. I am writing to tell you that I would
be glad to take part in the street festival again this year. My neighbour has
offered to lend us his long table, and we can meet to talk about the rest
whenever it suits you.

I look forward to hearing from you.

Yours sincerely,
Alex Example
`},
	{"Manuals/washing-machine.md", "manual", "en", `
# User manual: washing machine WM 400

Read this instruction manual before first use and keep it for later.

## Safety instructions

Warning: disconnect the appliance from the mains before cleaning.

## Installation

1. Remove the transport bolts with the spanner supplied.
2. Connect the water hose to the tap.
3. Level the appliance with its adjustable feet.

## Operation

Press the power button, choose a programme and press start.

## Troubleshooting

If the display shows E18, clean the filter. See the chapter on maintenance.
`},
	{"Belege/Kassenbon.txt", "receipt", "de", `
FRISCHEMARKT
Venloer Straße 100, 50823 Köln

Kassenbon

Brot                      3,20 A
Milch 1 l                 1,19 A
Äpfel 1,2 kg              2,98 A
Waschmittel               5,49 B

Summe EUR                12,86
Bar gegeben              20,00
Rückgeld                  7,14

MwSt A 7 %   B 19 %
Bon-Nr. 4711   Kasse 3   16.11.2024 18:42
Es bediente Sie: Frau K.
Vielen Dank für Ihren Einkauf! Umtausch nur mit Kassenbeleg.
`},
}

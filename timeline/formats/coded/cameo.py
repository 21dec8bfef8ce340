"""CAMEO: the code by which ICEWS and GDELT say who does what to whom, and what becomes of it.

CAMEO (Conflict and Mediation Event Observations, by P. A. Schrodt and others) numbers some three
hundred kinds of events in twenty families; three and four digits refine two. The labels here are
our own words. What a code becomes follows from what its manual counts under it:

* what is only said is a statement: comments, praise, blame, demands, threats;
* what asks another to take part, or offers it, is a proposal;
* what grants or refuses what was asked is an answer, to a proposal that no row names;
* a formal agreement signed is a proposal adopted;
* a will to meet is a meeting announced, and consultations are meetings held;
* all else is conduct.
"""

from __future__ import annotations

from typing import Literal, get_args

import attrs

Becomes = Literal[
    "statement", "proposal", "accepted", "rejected", "adopted", "announced", "held", "conduct"
]
"""What becomes of a code. `accepted` and `rejected` are answers."""

Form = Literal["talks", "call", "visit", "bilateral"]
"""The forms of meetings that codes tell apart."""


@attrs.frozen
class Code:
    """One code.

    Attributes:
        code: its two to four digits; two are a family, which no row bears.
        becomes: what becomes of it.
        mutual: whether coders write it once from either side, so that two rows that mirror each
            other tell of one event.
        label: what it stands for, in our own words.
    """

    code: str
    becomes: Becomes
    mutual: bool
    label: str

    @property
    def family(self) -> str:
        """The first two digits."""
        return self.code[:2]

    @property
    def meaning(self) -> str:
        """What rows that mirror each other share: the code; `visit` for both sides of one."""
        return _MEANINGS.get(self.code, self.code)

    @property
    def form(self) -> Form:
        """What sort of meeting it is, for codes that become one."""
        return _FORMS.get(self.code, "talks")


_MEANINGS = {"042": "visit", "043": "visit"}

_FORMS: dict[str, Form] = {"041": "call", "042": "visit", "043": "visit", "044": "bilateral"}

# A star marks what is mutual. Each code's family stands above it.
_TABLE = """
01   statement  Statements
010  statement  makes a statement
011  statement  declines to comment
012  statement  is pessimistic
013  statement  is optimistic
014  statement  says that it weighs a policy
015  statement  owns up to something
016  statement  denies having done something
017  conduct    makes a symbolic gesture
018  statement  voices sympathy
019  statement  voices agreement

02   proposal   Appeals
020  proposal   makes an appeal
021  proposal   asks for practical cooperation
0211 proposal   asks for cooperation in the economy
0212 proposal   asks for military cooperation
0213 proposal   asks for cooperation of the courts
0214 proposal   asks for intelligence to be shared
022  proposal   asks for diplomatic support
023  proposal   asks for aid
0231 proposal   asks for economic aid
0232 proposal   asks for military aid
0233 proposal   asks for humanitarian aid
0234 proposal   asks for troops that protect or keep the peace
024  proposal   asks for political reform
0241 proposal   asks for other leaders
0242 proposal   asks for another policy
0243 proposal   asks for rights
0244 proposal   asks for other institutions
025  proposal   asks the other to give way
0251 proposal   asks for fewer administrative restrictions
0252 proposal   asks for dissent to be eased
0253 proposal   asks for people or property to be freed
0254 proposal   asks for economic sanctions to be eased
0255 proposal   asks for outsiders to be let in
0256 proposal   asks for fighting to be wound down
026  proposal   asks others to meet or negotiate
027  proposal   asks others to settle their dispute
028  proposal   asks for mediation to be taken up

03   proposal   Offers and intentions to cooperate
030  proposal*  is willing to cooperate
031  proposal*  is willing to cooperate in practical matters
0311 proposal*  is willing to cooperate in the economy
0312 proposal*  is willing to cooperate with armed forces
0313 proposal*  is willing to cooperate in matters of law
0314 proposal*  is willing to share intelligence
032  proposal*  is willing to cooperate in diplomacy
033  proposal   offers aid
0331 proposal   offers economic aid
0332 proposal   offers military aid
0333 proposal   offers humanitarian aid
0334 proposal   offers troops that protect or keep the peace
034  proposal   is willing to reform
0341 proposal   is willing to change leaders
0342 proposal   is willing to change its policy
0343 proposal   is willing to grant rights
0344 proposal   is willing to change institutions
035  proposal   is willing to give way
0351 proposal   is willing to lift administrative restrictions
0352 proposal   is willing to ease dissent
0353 proposal   is willing to free people or property
0354 proposal   is willing to ease economic sanctions
0355 proposal   is willing to let outsiders in
0356 proposal   is willing to wind fighting down
036  announced* is willing to meet or negotiate
037  proposal*  is willing to settle a dispute
038  proposal   is willing to take up mediation
039  proposal   offers to mediate

04   held       Consultations
040  held*      consults
041  held*      talks by telephone
042  held*      visits
043  held*      is visited
044  held*      meets on a third one's ground
045  held*      takes part in mediation
046  held*      negotiates

05   conduct    Diplomatic cooperation
050  conduct*   cooperates in diplomacy
051  statement  praises or endorses
052  statement  speaks in defence
053  statement  rallies support
054  conduct    grants diplomatic recognition
055  statement  apologises
056  statement  forgives
057  adopted*   signs a formal agreement

06   conduct    Practical cooperation
060  conduct*   cooperates in practical matters
061  conduct*   cooperates in the economy
062  conduct*   cooperates with armed forces
063  conduct*   cooperates in matters of law
064  conduct    shares intelligence

07   conduct    Aid
070  conduct    gives aid
071  conduct    gives economic aid
072  conduct    gives military aid
073  conduct    gives humanitarian aid
074  conduct    sends troops that protect or keep the peace
075  conduct    grants asylum

08   conduct    Giving way
080  accepted   gives way
081  conduct    lifts administrative restrictions
0811 conduct    lifts limits on political freedoms
0812 conduct    lifts a ban on parties or politicians
0813 conduct    lifts a curfew
0814 conduct    lifts a state of emergency
082  conduct    eases dissent
083  accepted   grants a demand for reform
0831 accepted   grants a demand for other leaders
0832 accepted   grants a demand for another policy
0833 accepted   grants a demand for rights
0834 accepted   grants a demand for other institutions
084  conduct    sets free or hands back
0841 conduct    sets people free
0842 conduct    hands property back
085  conduct    eases economic sanctions
086  conduct    lets outsiders in
0861 conduct    lets peacekeepers in
0862 conduct    lets inspectors in
0863 conduct    lets humanitarian workers in
087  conduct    winds fighting down
0871 conduct*   declares a truce
0872 conduct    eases a military blockade
0873 conduct    demobilises forces
0874 conduct    retreats or surrenders

09   conduct    Investigations
090  conduct    investigates
091  conduct    investigates crime or corruption
092  conduct    investigates breaches of human rights
093  conduct    investigates military action
094  conduct    investigates war crimes

10   statement  Demands
100  statement  makes a demand
101  statement  demands practical cooperation
1011 statement  demands cooperation in the economy
1012 statement  demands military cooperation
1013 statement  demands cooperation of the courts
1014 statement  demands that intelligence be shared
102  statement  demands diplomatic support
103  statement  demands aid
1031 statement  demands economic aid
1032 statement  demands military aid
1033 statement  demands humanitarian aid
1034 statement  demands troops that protect or keep the peace
104  statement  demands political reform
1041 statement  demands other leaders
1042 statement  demands another policy
1043 statement  demands rights
1044 statement  demands other institutions
105  statement  demands that the other give way
1051 statement  demands fewer administrative restrictions
1052 statement  demands that dissent be eased
1053 statement  demands that people or property be freed
1054 statement  demands that economic sanctions be eased
1055 statement  demands that outsiders be let in
1056 statement  demands that fighting be wound down
106  statement  demands a meeting or negotiations
107  statement  demands that a dispute be settled
108  statement  demands mediation

11   statement  Disapproval
110  statement  disapproves
111  statement  criticises or denounces
112  statement  accuses
1121 statement  accuses of crime or corruption
1122 statement  accuses of breaches of human rights
1123 statement  accuses of aggression
1124 statement  accuses of war crimes
1125 statement  accuses of spying or treason
113  statement  rallies opposition
114  statement  complains officially
115  conduct    goes to court
116  conduct    finds guilty or liable

12   rejected   Refusals
120  rejected   refuses
121  rejected   refuses practical cooperation
1211 rejected   refuses cooperation in the economy
1212 rejected   refuses military cooperation
1213 rejected   refuses cooperation of the courts
122  rejected   refuses aid that was asked for
1221 rejected   refuses economic aid
1222 rejected   refuses military aid
1223 rejected   refuses humanitarian aid
1224 rejected   refuses troops that protect or keep the peace
123  rejected   refuses political reform
1231 rejected   refuses to change leaders
1232 rejected   refuses to change its policy
1233 rejected   refuses rights
1234 rejected   refuses to change institutions
124  rejected   refuses to give way
1241 rejected   refuses to lift administrative restrictions
1242 rejected   refuses to ease dissent
1243 rejected   refuses to free people or property
1244 rejected   refuses to ease economic sanctions
1245 rejected   refuses to let outsiders in
1246 rejected   refuses to wind fighting down
125  rejected   refuses to meet or negotiate
126  rejected   refuses mediation
127  rejected   refuses a plan for a settlement
128  conduct    defies norms or law
129  rejected   vetoes

13   statement  Threats
130  statement  threatens
131  statement  threatens without force
1311 statement  threatens to cut aid
1312 statement  threatens sanctions
1313 statement  threatens to break relations
132  statement  threatens administrative restrictions
1321 statement  threatens to limit political freedoms
1322 statement  threatens to ban parties or politicians
1323 statement  threatens a curfew
1324 statement  threatens a state of emergency
133  statement  threatens protests
134  statement  threatens to end negotiations
135  statement  threatens to end mediation
136  statement  threatens to shut outsiders out
137  statement  threatens repression
138  statement  threatens military force
1381 statement  threatens a blockade
1382 statement  threatens to occupy territory
1383 statement  threatens unconventional violence
1384 statement  threatens to attack
1385 statement  threatens weapons of mass destruction
139  statement  gives an ultimatum

14   conduct    Protests
140  conduct    dissents in public
141  conduct    demonstrates
1411 conduct    demonstrates for other leaders
1412 conduct    demonstrates for another policy
1413 conduct    demonstrates for rights
1414 conduct    demonstrates for other institutions
142  conduct    is on hunger strike
1421 conduct    is on hunger strike for other leaders
1422 conduct    is on hunger strike for another policy
1423 conduct    is on hunger strike for rights
1424 conduct    is on hunger strike for other institutions
143  conduct    strikes or boycotts
1431 conduct    strikes for other leaders
1432 conduct    strikes for another policy
1433 conduct    strikes for rights
1434 conduct    strikes for other institutions
144  conduct    blocks the way
1441 conduct    blocks the way for other leaders
1442 conduct    blocks the way for another policy
1443 conduct    blocks the way for rights
1444 conduct    blocks the way for other institutions
145  conduct    riots
1451 conduct    riots for other leaders
1452 conduct    riots for another policy
1453 conduct    riots for rights
1454 conduct    riots for other institutions

15   conduct    Shows of force
150  conduct    shows military or police power
151  conduct    puts police on alert
152  conduct    puts forces on alert
153  conduct    mobilises police
154  conduct    mobilises forces
155  conduct    mobilises forces of its networks

16   conduct    Relations reduced
160  conduct    reduces relations
161  conduct    reduces or breaks diplomatic relations
162  conduct    cuts aid
1621 conduct    cuts economic aid
1622 conduct    cuts military aid
1623 conduct    cuts humanitarian aid
163  conduct    imposes an embargo, a boycott or sanctions
164  conduct    ends negotiations
165  conduct    ends mediation
166  conduct    expels or withdraws
1661 conduct    expels or withdraws peacekeepers
1662 conduct    expels or withdraws inspectors
1663 conduct    expels or withdraws aid workers

17   conduct    Coercion
170  conduct    coerces
171  conduct    seizes or damages property
1711 conduct    confiscates property
1712 conduct    destroys property
172  conduct    imposes administrative restrictions
1721 conduct    limits political freedoms
1722 conduct    bans parties or politicians
1723 conduct    imposes a curfew
1724 conduct    imposes a state of emergency
173  conduct    arrests, detains or charges
174  conduct    expels or deports people
175  conduct    represses by force
176  conduct    attacks over networks

18   conduct    Assaults
180  conduct    uses unconventional violence
181  conduct    abducts or takes hostages
182  conduct    assaults
1821 conduct    assaults sexually
1822 conduct    tortures
1823 conduct    kills by assault
183  conduct    bombs, other than by armed forces
1831 conduct    bombs by suicide
1832 conduct    bombs by car
1833 conduct    bombs by the roadside
1834 conduct    bombs a place
184  conduct    uses people as shields
185  conduct    tries to assassinate
186  conduct    assassinates

19   conduct    Fighting
190  conduct    uses military force
191  conduct    blockades or restricts movement
192  conduct    occupies territory
193  conduct    fights with small arms
194  conduct    fights with artillery and tanks
195  conduct    strikes from the air
1951 conduct    strikes from the air with guided weapons
1952 conduct    strikes from the air without a pilot
196  conduct    breaks a ceasefire

20   conduct    Mass violence
200  conduct    uses mass violence
201  conduct    expels masses of people
202  conduct    kills masses of people
203  conduct    cleanses ethnically
204  conduct    uses weapons of mass destruction
2041 conduct    uses chemical, biological or radiological weapons
2042 conduct    uses nuclear weapons
"""


def _read(line: str) -> Code:
    code, becomes, label = line.split(maxsplit=2)
    plain = becomes.removesuffix("*")
    assert plain in get_args(Becomes)
    return Code(code, plain, plain != becomes, label)  # type: ignore[arg-type]  # just checked


CODES: dict[str, Code] = {
    code.code: code for code in map(_read, filter(None, _TABLE.splitlines())) if len(code.code) > 2
}
"""The codes that rows bear, in order."""

FAMILIES: dict[str, Code] = {
    code.code: code for code in map(_read, filter(None, _TABLE.splitlines())) if len(code.code) == 2
}
"""The twenty families; `becomes` is what becomes of most of their codes."""

"""Transactions that write a contact and enrol it, ended as the second argument says: c commits, r rolls back."""
import sys

try:
    import psycopg as driver
except ImportError:
    import psycopg2 as driver

url, ends = sys.argv[1], sys.argv[2]
connection = driver.connect(url)
cursor = connection.cursor()
cursor.execute("set waypost.tenant = 't'")
connection.commit()
for n, end in enumerate(ends):
    cursor.execute("insert into crm.contacts (email) values (%s) returning id", (f"y{n}@example.com",))
    (contact,) = cursor.fetchone()
    cursor.execute("select outcome, reason from waypost.enroll('welcome', %s)", (contact,))
    outcome, reason = cursor.fetchone()
    assert outcome == "enrolled", (outcome, reason)
    connection.commit() if end == "c" else connection.rollback()
connection.close()
